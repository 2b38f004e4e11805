"""What ``inv cluster.dashboard`` installs: a platform like any other, but none of the user's."""
