#!/bin/sh
# /etc/nginx/templates/X.template becomes /etc/nginx/conf.d/X, with ${NAME} replaced for each variable there is.
# NGINX_ENVSUBST_TEMPLATE_DIR, _OUTPUT_DIR, _TEMPLATE_SUFFIX and _FILTER (an expression for names) change that.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}

[ -d "$templates" ] || exit 0
names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | grep -E "${NGINX_ENVSUBST_FILTER:-}" || true)
wanted=$(printf '${%s} ' $names)
find "$templates" -follow -type f -name "*$suffix" | while IFS= read -r template; do
    target=$output/${template#"$templates"/}
    target=${target%"$suffix"}
    if [ ! -w "$output" ]; then
        echo "nginx: $output cannot be written, so $template is not used" >&2
        exit 0
    fi
    mkdir -p "${target%/*}"
    envsubst "$wanted" <"$template" >"$target"
done
