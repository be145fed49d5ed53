"""A mail server (aiosmtpd) that says on its output what it took, read by Python's own parser of mails.

Arguments: host, port, `plain`, `starttls` or `smtps`, how many mails it puts off first.
With TLS it has `cert.pem` and `key.pem`, and wants the user `tollgate` with the password `s3cret`.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

host, port, mode, put_off = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        global put_off
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(
            event="mail",
            taken=put_off <= 0,
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            encrypted=session.ssl is not None or mode == "smtps",
            user=str(session.auth_data) if session.authenticated else None,
            headers=[[name, str(value)] for name, value in mail.items()],
            text=mail.get_body(("plain",)).get_content(),
            html=mail.get_body(("html",)).get_content(),
        )
        if put_off > 0:
            put_off -= 1
            return "451 later"
        return "250 taken"


def authenticator(server, session, envelope, mechanism, data):
    known = data.login == b"tollgate" and data.password == b"s3cret"
    say(event="auth", known=known, encrypted=session.ssl is not None or mode == "smtps")
    return AuthResult(success=known, auth_data="tollgate" if known else None)


context = None
if mode != "plain":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("cert.pem", "key.pem")


def serve():
    return SMTP(
        Handler(),
        hostname="mail.test",
        enable_SMTPUTF8=True,
        tls_context=context if mode == "starttls" else None,
        require_starttls=mode == "starttls",
        authenticator=authenticator,
        auth_required=mode != "plain",
        # Within TLS from the first byte it does not know that there is any.
        auth_require_tls=mode == "starttls",
        loop=loop,
    )


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
listening = loop.create_server(serve, host, port, ssl=context if mode == "smtps" else None)
server = loop.run_until_complete(listening)
loop.run_forever()
