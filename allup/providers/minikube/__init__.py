"""minikube: ``commands`` builds what is run, ``answers`` reads what comes back; neither runs anything.

They hold for whatever machine minikube is on; ``provider`` puts them together over a Runner. Written for and
tried against minikube 1.38.1.
"""

KIND = "minikube"
