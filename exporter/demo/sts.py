"""STS: AssumeRole with its external id, and GetCallerIdentity."""

from collections.abc import Callable
from xml.sax.saxutils import escape

from exporter.demo.accounts import AwsAccount
from exporter.demo.identity import Credential, Keyring, PolicyDocument, admits
from exporter.demo.jobs import iso_time
from exporter.demo.wire import STS_NAMESPACE, Answer, Call, Problem, Refused, not_authorized, request_id

_MINIMUM_SECONDS = 900
_DEFAULT_SECONDS = 3600


def assume_role(
    call: Call,
    caller: Credential,
    *,
    account: AwsAccount | None,
    trust: Callable[[str], PolicyDocument | None],
    keyring: Keyring,
    now_seconds: float,
    session_seconds: float | None,
) -> Answer:
    """Hand out temporary credentials of a role that trusts the caller; otherwise AWS says only that it may not.

    `trust` gives the trust policy of a role's ARN where one is attached; `session_seconds` overrules what is asked for.
    """
    role_arn, session = call.params.get("RoleArn", ""), call.params.get("RoleSessionName", "")
    if not role_arn or not session:
        raise Refused(Problem.INVALID, "RoleArn and RoleSessionName are required")
    asked_seconds = int(call.params.get("DurationSeconds", _DEFAULT_SECONDS))
    if asked_seconds < _MINIMUM_SECONDS:
        raise Refused(Problem.INVALID, f"DurationSeconds: expected at least {_MINIMUM_SECONDS}, got {asked_seconds}")
    external_id = call.params.get("ExternalId")
    name = role_arn.rpartition("/")[2]
    role = next((role for role in account.roles if account.role_arn(role.name) == role_arn), None) if account else None
    document = trust(role_arn)
    if account is None or role is None:
        admitted = False
    elif document is not None:
        admitted = admits(document, caller.role_arn, caller.account_id, external_id)
    else:
        trusted = role.trusted is None or not role.trusted.isdisjoint({caller.role_arn, caller.account_id})
        admitted = trusted and role.external_id in (None, external_id)
    if not admitted or account is None:
        raise not_authorized(call, because=" ", resource=role_arn)
    lifetime_seconds = asked_seconds if session_seconds is None else session_seconds
    issued = keyring.issue(
        account_id=account.id, role_name=name, session=session, expires_seconds=now_seconds + lifetime_seconds
    )
    return _answer(
        "AssumeRole",
        f"<Credentials><AccessKeyId>{issued.access_key}</AccessKeyId>"
        f"<SecretAccessKey>{issued.secret_key}</SecretAccessKey><SessionToken>{issued.session_token}</SessionToken>"
        f"<Expiration>{iso_time(issued.expires_seconds or 0)}</Expiration></Credentials>"
        f"<AssumedRoleUser><AssumedRoleId>AROADEMO:{escape(session)}</AssumedRoleId>"
        f"<Arn>{escape(issued.principal)}</Arn></AssumedRoleUser>",
    )


def get_caller_identity(caller: Credential) -> Answer:
    """Tell who the caller is; no policy can forbid to ask."""
    return _answer(
        "GetCallerIdentity",
        f"<Arn>{escape(caller.principal)}</Arn><UserId>{caller.access_key}</UserId><Account>{caller.account_id}</Account>",
    )


def _answer(operation: str, result: str) -> Answer:
    body = (
        f'<{operation}Response xmlns="{STS_NAMESPACE}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id()}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Answer(body.encode(), content_type="text/xml")
