"""What stands between a task and its work: this machine, the way to the cluster, the cluster, permissions.

Each module judges facts that it is given; ``looking`` is the one that goes and gets them. Nothing is changed.
A finding says *unknown* where nobody could know.
"""
