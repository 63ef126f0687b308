"""The job's side of a submission: what a site starts, up to the results that it leaves.

It knows nothing of sites: what it is to do is in the folder of the task, or in the bundle.
"""
