{# Groovy: single quotes, since '$' means something in double ones. #}
{% macro q(text) %}'{{ text | string | replace("\\", "\\\\") | replace("'", "\\'") }}'{% endmacro %}
{% set login, api = secrets["cytomine-secrets"], secrets["cytomine-api-keys"] %}
dataSource.url = 'jdbc:postgresql://cytomine-postgis:5432/docker'
dataSource.username = 'docker'
dataSource.password = {{ q(secrets["cytomine-database"]["password"]) }}

cytomine.customUI.global = [
    dashboard: ['ALL'],
    search: ['ROLE_ADMIN'],
    project: ['ALL'],
    ontology: ['ROLE_ADMIN'],
    storage: ['ROLE_USER', 'ROLE_ADMIN'],
    activity: ['ALL'],
    feedback: ['ROLE_USER', 'ROLE_ADMIN'],
    explore: ['ROLE_USER', 'ROLE_ADMIN'],
    admin: ['ROLE_ADMIN'],
    help: ['ALL']
]

{# The image's start-up cuts the URL out of this line: after '=', with its quotes. #}
grails.serverURL={{ q(public_url) }}
grails.imageServerURL = [{{ q(public_url) }}]
grails.uploadURL = {{ q(public_url) }}

storage_buffer = '/data/images/_buffer'
storage_path = '/data/images'

grails.adminPassword = {{ q(login["ADMIN_PASSWORD"]) }}
grails.adminPrivateKey = {{ q(login["ADMIN_PRIVATE_KEY"]) }}
grails.adminPublicKey = {{ q(login["ADMIN_PUBLIC_KEY"]) }}
grails.superAdminPrivateKey = {{ q(login["SUPER_ADMIN_PRIVATE_KEY"]) }}
grails.superAdminPublicKey = {{ q(login["SUPER_ADMIN_PUBLIC_KEY"]) }}
grails.serverID = {{ q(login["SERVER_ID"]) }}

grails.ImageServerPrivateKey = {{ q(api["IMAGE_SERVER_PRIVATE_KEY"]) }}
grails.ImageServerPublicKey = {{ q(api["IMAGE_SERVER_PUBLIC_KEY"]) }}
grails.rabbitMQPrivateKey = {{ q(api["RABBITMQ_PRIVATE_KEY"]) }}
grails.rabbitMQPublicKey = {{ q(api["RABBITMQ_PUBLIC_KEY"]) }}

grails.admin.email = {{ q(admin_email) }}
grails.notification.email = {{ q(email_sender) }}
grails.notification.password = {{ q(secrets["cytomine-mail"]["password"]) if email_sender else "''" }}
grails.notification.smtp.host = {{ q(smtp_host) }}
grails.notification.smtp.port = {{ q(smtp_port) }}

grails.mongo.host = 'cytomine-mongodb'
grails.mongo.options.connectionsPerHost = 10
grails.mongo.options.threadsAllowedToBlockForConnectionMultiplier = 5

grails.messageBrokerServerURL = 'cytomine-rabbitmq:5672'
cytomine.middleware.rabbitmq.user = {{ q(rabbitmq_username) }}
cytomine.middleware.rabbitmq.password = {{ q(secrets["cytomine-rabbitmq"]["password"]) }}
