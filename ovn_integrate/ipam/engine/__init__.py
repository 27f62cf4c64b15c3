"""The verbs of the API on Northbound, whichever kind of thing they are about."""
