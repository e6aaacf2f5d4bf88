"""A relying party on Authlib, told what to do line by line (JSON on standard input, answers on standard output)."""

import json
import sys

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc8414 import get_well_known_url
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from authlib.oidc.discovery import get_well_known_url as get_openid_url
from joserfc import jwt
from joserfc.jwk import KeySet, import_key
from joserfc.jws import JWSRegistry

MCP_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-11-25",
}


class RelyingParty:
    """One client and its user's tokens."""

    def __init__(self, issuer, client_id=None, client_secret=None, method="none", key=None, redirect_uri=None, scope=None):
        self.issuer = issuer
        self.session = OAuth2Session(
            client_id,
            client_secret,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            redirect_uri=redirect_uri,
            scope=scope,
            code_challenge_method="S256",
        )
        if key:
            self.session.client_secret = import_key(key)
            # As it comes: for the endpoint that is asked, and good for an hour.
            self.session.register_client_auth_method(PrivateKeyJWT(alg=key["alg"]))
        self.metadata = self.fetch(get_openid_url(issuer, external=True))

    def fetch(self, url):
        answer = self.session.get(url, withhold_token=True)
        answer.raise_for_status()
        return answer.json()

    def judge_metadata(self):
        """Has Authlib judge both documents."""
        oauth = self.fetch(get_well_known_url(self.issuer, external=True))
        AuthorizationServerMetadata(oauth).validate()
        OpenIDProviderMetadata(self.metadata).validate()
        return {"issuer": oauth["issuer"], "same": oauth == self.metadata}

    def begin(self, **more):
        self.verifier, self.nonce = generate_token(48), generate_token()
        url, self.state = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=self.verifier, nonce=self.nonce, **more
        )
        return {"url": url}

    def finish(self, callback):
        token = self.session.fetch_token(
            self.metadata["token_endpoint"],
            authorization_response=callback,
            state=self.state,
            code_verifier=self.verifier,
        )
        return {"token": token, "claims": self.id_token_claims(token)}

    def id_token_claims(self, token):
        keys = KeySet.import_key_set(self.fetch(self.metadata["jwks_uri"]))
        algorithms = self.metadata["id_token_signing_alg_values_supported"]
        read = jwt.decode(token["id_token"], keys, registry=JWSRegistry(algorithms=algorithms))
        expected = {"nonce": self.nonce, "client_id": self.session.client_id, "access_token": token["access_token"]}
        claims = CodeIDToken(read.claims, read.header, {"iss": {"values": [self.issuer]}}, expected)
        claims.validate()
        return dict(claims)

    def token(self, grant, **more):
        """Any other grant."""
        return {"token": self.session.fetch_token(self.metadata["token_endpoint"], grant_type=grant, **more)}

    def refresh(self):
        return {"token": self.session.refresh_token(self.metadata["token_endpoint"])}

    def revoke(self, token, hint=None):
        answer = self.session.revoke_token(self.metadata["revocation_endpoint"], token=token, token_type_hint=hint)
        return {"status": answer.status_code}

    def introspect(self, token):
        answer = self.session.introspect_token(self.metadata["introspection_endpoint"], token=token)
        return answer.json()

    def userinfo(self):
        answer = self.session.get(self.metadata["userinfo_endpoint"])
        return {"status": answer.status_code, "claims": answer.json()}

    def call(self, url):
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = self.session.post(url, json=body, headers=MCP_HEADERS)
        return {"status": answer.status_code, "body": answer.text}

    def device(self, **more):
        """RFC 8628 §3.1: Authlib leaves this request to the application."""
        form = {"client_id": self.session.client_id, "scope": self.session.scope, **more}
        answer = self.session.post(self.metadata["device_authorization_endpoint"], data=form, withhold_token=True)
        return answer.json()


def main():
    party = RelyingParty(**json.loads(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            said = {"result": getattr(party, order.pop("do"))(**order)}
        except Exception as error:
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


main()
