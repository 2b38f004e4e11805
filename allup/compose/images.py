"""What is known of an image by its name: the ports it listens on, and where a database keeps its data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """*ports* it listens on; *data* are the paths whose content must outlive a pod."""

    ports: tuple[int, ...]
    data: tuple[str, ...] = ()

    @property
    def database(self) -> bool:
        """One pod with a disk of its own: a StatefulSet."""
        return bool(self.data)


_POSTGRES = Known((5432,), ("/var/lib/postgresql/data", "/var/lib/postgresql"))
_MYSQL = Known((3306,), ("/var/lib/mysql",))
_MONGO = Known((27017,), ("/data/db",))
_REDIS = Known((6379,), ("/data",))
_KNOWN = {
    **dict.fromkeys(("postgres", "postgis", "timescaledb", "pgvector", "postgresql"), _POSTGRES),
    **dict.fromkeys(("mysql", "mariadb", "percona", "mysql-server"), _MYSQL),
    **dict.fromkeys(("mongo", "mongodb", "mongodb-community-server"), _MONGO),
    **dict.fromkeys(("redis", "valkey", "redis-stack-server", "keydb"), _REDIS),
    "elasticsearch": Known((9200, 9300), ("/usr/share/elasticsearch/data",)),
    "opensearch": Known((9200, 9600), ("/usr/share/opensearch/data",)),
    "influxdb": Known((8086,), ("/var/lib/influxdb2", "/var/lib/influxdb")),
    "cassandra": Known((9042,), ("/var/lib/cassandra",)),
    "neo4j": Known((7474, 7687), ("/data",)),
    "couchdb": Known((5984,), ("/opt/couchdb/data",)),
    "clickhouse-server": Known((8123, 9000), ("/var/lib/clickhouse",)),
    "etcd": Known((2379, 2380), ("/etcd-data", "/var/lib/etcd")),
    "rabbitmq": Known((5672,), ("/var/lib/rabbitmq",)),
    "zookeeper": Known((2181,), ("/data", "/var/lib/zookeeper")),
    "cp-zookeeper": Known((2181,), ("/var/lib/zookeeper",)),
    "kafka": Known((9092,), ("/var/lib/kafka/data", "/var/lib/kafka")),
    "cp-kafka": Known((9092,), ("/var/lib/kafka/data", "/var/lib/kafka")),
    "memcached": Known((11211,)),
    "nats": Known((4222,)),
    "minio": Known((9000,), ("/data",)),
    "nginx": Known((80,)),
    "httpd": Known((80,)),
    "caddy": Known((80, 443)),
    "traefik": Known((80,)),
    "wordpress": Known((80,)),
    "adminer": Known((8080,)),
    "phpmyadmin": Known((80,)),
    "grafana": Known((3000,)),
    "prometheus": Known((9090,)),
    "alertmanager": Known((9093,)),
    "node-exporter": Known((9100,)),
    "cadvisor": Known((8080,)),
    "tomcat": Known((8080,)),
    "registry": Known((5000,)),
    "flower": Known((5555,)),
    "mailhog": Known((1025, 8025)),
}


def known(image: str) -> Known | None:
    """What is known of *image*, by the last part of its name; None of most.

    >>> known("docker.io/library/postgres:16-alpine@sha256:0").ports
    (5432,)
    """
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return _KNOWN.get(name)


def keeps(known: Known | None, target: str) -> bool:
    """Whether a mount at *target* holds a database's data."""
    path = target.rstrip("/")
    return known is not None and any(path == data or path.startswith(data + "/") for data in known.data)
