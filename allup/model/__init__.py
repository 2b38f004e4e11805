"""What a platform is: data only. Nothing here reads a file, the environment or a cluster."""
