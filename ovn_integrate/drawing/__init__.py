"""Pictures of a topology: as a tree of text, for Graphviz, as SVG, as a page. No I/O."""
