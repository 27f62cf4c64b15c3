"""Who may do what, tried on the server's own routes: see ``allowed.txt``."""
