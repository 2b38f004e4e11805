"""A real node for a sandbox: kubelet, kube-proxy and containerd in namespaces of their own (Linux, root).

Everything a node does to a machine (mounts, links, addresses, rules, processes) happens inside namespaces
whose first process is ours. When that process ends the kernel takes all of it away, however it ended; only
cgroups and files remain, and both have a name that is the sandbox's. See docs/real-node.md.
"""
