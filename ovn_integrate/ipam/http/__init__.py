"""The IPAM server's HTTP face: the API, who asks, documents, metrics and logs."""
