"""The kinds of things of the API: a folder each, and here what several kinds share."""
