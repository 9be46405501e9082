"""What happens to a request: understood, noted, befallen by a fault or not, authenticated, allowed, answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from exporter.demo import bedrock, organizations, sts
from exporter.demo.control import PREFIX, answer_control
from exporter.demo.faults import FaultKind
from exporter.demo.identity import Credential, allows, authenticate
from exporter.demo.sigv4 import Signature, signature, verify
from exporter.demo.wire import (
    Answer,
    Call,
    Delivery,
    HttpRequest,
    Problem,
    Refused,
    not_authorized,
    operation_of,
)

if TYPE_CHECKING:
    from exporter.demo.simulation import Simulation

_OWN_SERVICES = frozenset(("account", "bedrock", "organizations", "sts"))


async def respond(simulation: Simulation, request: HttpRequest) -> Answer:
    """Answer one request as AWS would, or as the fault has it that befalls it."""
    if request.path.startswith(PREFIX):
        return answer_control(simulation, request)
    signed = signature(request.headers, bearer_region=simulation.bearer_region)
    if signed is None:
        return Refused(Problem.DENIED, "Missing Authentication Token").answer("")
    credential = _credential(simulation, signed)
    call = _call(request, signed, credential)
    simulation.remember(call)
    if simulation.on_call:
        simulation.on_call(call)
    faults = simulation.faults
    fault = faults.strike(call)
    wait_seconds = simulation.latency_seconds + (fault.delay_seconds if fault else 0)
    if wait_seconds:
        await asyncio.sleep(wait_seconds)
    if fault and fault.kind is FaultKind.HANG:
        return Answer(delivery=Delivery.HANG, held=lambda: faults.holds(fault))
    try:
        if fault and (refusal := fault.refusal(call)):
            raise refusal
        caller = _authenticate(simulation, request, signed, credential)
        empty = fault is not None and fault.kind is FaultKind.EMPTY_PAGE
        answer = await _perform(simulation, call, request, caller, empty=empty)
    except Refused as refused:
        answer = refused.answer(call.service)
    return fault.spoil(call, answer) if fault else answer


def _credential(simulation: Simulation, signed: Signature) -> Credential | None:
    if signed.bearer_token:
        account_id = simulation.bearer_account_id
        user = f"arn:aws:iam::{account_id}:user/BedrockAPIKey-demo"
        return Credential("", "", account_id, user, role_arn=user)
    return simulation.keyring.find(signed.access_key)


def _call(request: HttpRequest, signed: Signature, credential: Credential | None) -> Call:
    operation, params = operation_of(signed.service, request)
    account_id = credential.account_id if credential else ""
    if operation == "AssumeRole":
        account_id = (params.get("RoleArn", "").split(":") + [""] * 5)[4]
    principal = credential.principal if credential else "anonymous"
    return Call(signed.service, operation, signed.region, account_id, principal, params)


def _authenticate(
    simulation: Simulation, request: HttpRequest, signed: Signature, credential: Credential | None
) -> Credential:
    caller = authenticate(credential, request.headers.get("x-amz-security-token"), simulation.now())
    if not signed.bearer_token and signed.service in _OWN_SERVICES:
        verify(signed, request, caller.secret_key)
    account = simulation.accounts.get(caller.account_id)
    if account is None or (signed.service != "sts" and not account.can_use(signed.region)):
        raise Refused(Problem.UNKNOWN_KEY)
    return caller


async def _perform(
    simulation: Simulation, call: Call, request: HttpRequest, caller: Credential, *, empty: bool
) -> Answer:
    if call.operation == "GetCallerIdentity":  # no policy can forbid it
        return sts.get_caller_identity(caller)
    policy = simulation.policies.get(caller.role_arn)
    resource = call.params.get("RoleArn", "*")
    if policy is not None and not allows(policy, f"{call.service}:{call.operation}", resource):
        raise not_authorized(call, resource=resource if resource != "*" else "")
    now_seconds = simulation.now()
    match call.service, call.operation:
        case "bedrock", "ListModelInvocationJobs":
            store = simulation.store(caller.account_id, call.region)
            overlap_jobs = simulation.overlap_jobs
            return bedrock.list_jobs(
                store, call.params, now_seconds=now_seconds, overlap_jobs=overlap_jobs, empty=empty
            )
        case "sts", "AssumeRole":
            return sts.assume_role(
                call,
                caller,
                account=simulation.accounts.get(call.account_id),
                trust=simulation.trust_policies.get,
                keyring=simulation.keyring,
                now_seconds=now_seconds,
                session_seconds=simulation.session_seconds,
            )
        case "organizations", operation if operation in organizations.OPERATIONS:
            accounts = tuple(simulation.accounts.values())
            return organizations.answer_organizations(
                call, organization=simulation.organization, accounts=accounts, hub_id=simulation.hub_id
            )
        case "account", "ListRegions":
            return organizations.answer_list_regions(call, simulation.accounts[caller.account_id])
    return await asyncio.to_thread(simulation.rest.answer, request, caller.account_id)
