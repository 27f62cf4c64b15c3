"""What in Northbound contradicts itself, and its repair."""
