"""Who may do what, and who holds what is left."""
