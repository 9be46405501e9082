"""Where in AWS the exporter is: the region of the machine or profile, its partition, and the regions with Bedrock."""

import functools

import botocore.session
from botocore.exceptions import ConfigParseError, ProfileNotFound

HOME_REGIONS = {
    "aws": "us-east-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-cn": "cn-north-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}
"""The region of each partition where its global services are, and its STS: unlike the tokens of the global STS
endpoint, those of a regional one work in opt-in regions too."""

USUAL_CHAIN = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
"""Of itself botocore knows AWS_DEFAULT_REGION alone; the other SDKs, and people, know AWS_REGION."""


def open_session(profile: str | None = None) -> botocore.session.Session:
    """Return a session with the settings of a profile, or of none where it, or the file, cannot be read.

    That is for the polls to tell, as a failure of the credentials.
    """
    session = botocore.session.Session(session_vars=USUAL_CHAIN, profile=profile)
    try:
        session.get_scoped_config()
    except (ProfileNotFound, ConfigParseError):
        nothing = dict.fromkeys(("profile", "config_file", "credentials_file"), (None, None, None, None))
        return botocore.session.Session(session_vars=USUAL_CHAIN | nothing)
    return session


def default_region() -> str | None:
    """Return the region of the usual AWS chain: the environment's, else the profile's."""
    region = open_session().get_config_variable("region")
    return str(region) if region else None


def default_region_place() -> str:
    """Return what sets the region of the usual AWS chain: a variable of the environment, or a profile."""
    for name in USUAL_CHAIN["region"][1]:
        alone = botocore.session.Session(session_vars={"region": (None, name, None, None)})
        if alone.get_config_variable("region"):
            return name
    return f"region of profile {open_session().profile or 'default'}"


def own_partition() -> str:
    """Return the partition of the region of the usual AWS chain; without one, the commercial one."""
    return str(open_session().get_partition_for_region(default_region() or HOME_REGIONS["aws"]))


@functools.cache
def known_regions() -> tuple[str, ...]:
    """Return every region of every partition that has a Bedrock endpoint, as far as this botocore knows."""
    session = open_session()
    return tuple(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("bedrock", partition)
    )
