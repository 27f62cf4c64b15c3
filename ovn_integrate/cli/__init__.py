"""The command line: one module for a family of verbs. Each parses, calls one function, prints."""
