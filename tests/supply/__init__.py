"""What is installed: made with the scripts as they are, in the checkout's own environment."""
