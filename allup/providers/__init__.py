"""Clusters that another program makes: kind, minikube, Docker Desktop, and those that are simply there."""
