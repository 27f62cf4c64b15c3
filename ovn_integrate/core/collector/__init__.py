"""Finding and removing what no living endpoint owns."""
