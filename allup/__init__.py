"""allup: the engine that brings multi-part systems up on Kubernetes."""
