"""One archive of everything that somebody who looks for a fault asks for."""
