"""What happened: the ledger, its merge into a study, and exchange between jobs."""
