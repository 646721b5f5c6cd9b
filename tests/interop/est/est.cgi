#!/bin/sh
# An EST server that is none of ours: RFC 7030 over plain `openssl ca`, run by nginx through fcgiwrap. The directory CA holds
# ca.cnf and what openssl ca keeps. A request whose label is "slow" is answered 202 the first time; certificates
# of the label "short" are good for four seconds.
set -eu
cd "$CA"
path=${REQUEST_URI#/.well-known/est/}
label=${path%/*}
operation=${path##*/}

certs_only() { # of PEM files: base64 in lines, as many servers send it
    printf 'Content-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    for file in "$@"; do set -- "$@" -certfile "$file"; shift; done
    "$OPENSSL" crl2pkcs7 -nocrl -outform DER "$@" | "$OPENSSL" base64
}
refuse() { # STATUS TEXT
    printf 'Status: %s Refused\r\nContent-Type: text/plain\r\n\r\n%s\n' "$1" "$2"
    exit 0
}

case $operation in
cacerts)
    set -- root.pem
    [ ! -e issuer.pem ] || set -- root.pem issuer.pem # the CA, where another one signs than the root of the server
    certs_only "$@"
    ;;
csrattrs)
    printf 'Content-Type: application/csrattrs\r\n\r\n'
    "$OPENSSL" asn1parse -genconf attributes.cnf -noout -out attributes.der
    "$OPENSSL" base64 -in attributes.der
    ;;
simpleenroll | simplereenroll)
    [ "$operation" = simpleenroll ] || [ "${CLIENT_VERIFY:-NONE}" = SUCCESS ] || refuse 403 'a certificate is needed to renew one'
    request=$(mktemp -p .)
    "$OPENSSL" base64 -d | "$OPENSSL" req -inform DER -verify -out "$request" >openssl.log 2>&1 || refuse 400 'not a request'
    if [ "$label" = slow ] && [ ! -e asked ]; then
        touch asked
        printf 'Status: 202 Accepted\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n\r\nan operator decides\n'
        exit 0
    fi
    set --
    [ "$label" != short ] || set -- -enddate "$(date -u -d '+4 seconds' +%Y%m%d%H%M%SZ)"
    "$OPENSSL" ca -config ca.cnf -batch -notext "$@" -in "$request" -out "$request.pem" >>openssl.log 2>&1 || refuse 400 'refused by openssl ca'
    certs_only "$request.pem"
    ;;
*) refuse 404 'no such operation' ;;
esac
