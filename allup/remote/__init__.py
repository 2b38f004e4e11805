"""A Minikube on another host, usable as if it were here: tunnels, a short-lived token, mounts.

Tunnels and mounts are the ``ssh`` program's (its control socket carries 40 times what Fabric's forwarding
does, and it knows the person's own ssh configuration); commands on the host go through Fabric.
"""
