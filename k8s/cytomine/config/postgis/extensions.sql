{# An official image runs this when it makes the database. #}
{% for extension in postgis_extensions_made %}
CREATE EXTENSION IF NOT EXISTS {{ extension }};
{% endfor %}
