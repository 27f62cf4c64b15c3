"""Front ends of the core, one for each protocol that container engines speak."""
