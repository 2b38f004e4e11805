# Starts Tomcat as the image does, with a heap that fits the pod. The image's setenv.sh assigns JAVA_OPTS anew, so it
# is changed where it lies before deploy.sh moves it into its place.
set -eu
xms=$((HEAP_MIB < 512 ? HEAP_MIB : 512))
sed -i -e "s/-Xmx[0-9]*[kKmMgG]/-Xmx${HEAP_MIB}m/" -e "s/-Xms[0-9]*[kKmMgG]/-Xms${xms}m/" /tmp/setenv.sh
grep -q -e "-Xmx${HEAP_MIB}m" /tmp/setenv.sh ||
    echo "warning: /tmp/setenv.sh names no heap, so Java may use more memory than the pod has" >&2
if [ -r /etc/public-ca/ca.crt ]; then
    java=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")
    for store in "$java/lib/security/cacerts" "$java/jre/lib/security/cacerts"; do
        [ -e "$store" ] || continue
        # "changeit" is the password of every Java's own trust store; there are only public certificates in it.
        keytool -importcert -noprompt -alias public-name -file /etc/public-ca/ca.crt \
            -keystore "$store" -storepass changeit
    done
fi
exec /tmp/deploy.sh
