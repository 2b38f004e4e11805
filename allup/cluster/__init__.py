"""The only package that talks to a cluster, the only importer of the client library, and the only place
that changes anything in a cluster. It carries out; it decides nothing about platforms."""
