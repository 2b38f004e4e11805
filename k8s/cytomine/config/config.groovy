{% macro q(text) %}'{{ text | string | replace("\\", "\\\\") | replace("'", "\\'") }}'{% endmacro %}
{% set api = secrets["cytomine-api-keys"] %}
rabbitmq.host = 'cytomine-rabbitmq'
rabbitmq.port = '5672'
rabbitmq.username = {{ q(rabbitmq_username) }}
rabbitmq.password = {{ q(secrets["cytomine-rabbitmq"]["password"]) }}

cytomine.core.url = {{ q(public_url) }}
cytomine.core.publicKey = {{ q(api["RABBITMQ_PUBLIC_KEY"]) }}
cytomine.core.privateKey = {{ q(api["RABBITMQ_PRIVATE_KEY"]) }}

cytomine.software.communication.exchange = 'exchangeCommunication'
cytomine.software.communication.queue = 'queueCommunication'

cytomine.software.path.softwareSources = '/data/softwares/code'
cytomine.software.path.softwareImages = '/data/softwares/images'
cytomine.software.path.jobs = '/data/jobs'
cytomine.software.sshKeysFile = '/root/.ssh/id_rsa'
cytomine.software.descriptorFile = 'descriptor.json'

cytomine.software.ssh.maxRetries = 3
cytomine.software.repositoryManagerRefreshRate = 3600
cytomine.software.allowDockerfileCompilation = true
