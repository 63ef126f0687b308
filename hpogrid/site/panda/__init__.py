"""The PanDA grid: what of it is asked how, what is sent, and what comes back."""
