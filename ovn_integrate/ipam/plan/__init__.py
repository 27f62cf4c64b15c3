"""What there is, and what a request plans to change, before anything is written."""
