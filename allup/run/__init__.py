"""Drives a platform up, down and through its waits. Reports typed progress; formats nothing."""
