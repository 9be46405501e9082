# The last stage is the exporter; `--target demo` is the same with the simulated AWS of `bedrock-batch-exporter demo`.
# Without a config file it serves on 10042 with the credentials of the usual AWS chain, for us-east-1 unless that chain
# names another region. It writes no file anywhere.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:
WORKDIR /src
COPY requirements-build.lock requirements.lock ./
RUN python -m venv /build \
    && /build/bin/pip install --require-hashes -r requirements-build.lock \
    && python -m venv --without-pip /opt/exporter \
    && /build/bin/pip --python /opt/exporter/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /build/bin/pip --python /opt/exporter/bin/python install --no-deps /dist/*.whl

FROM build AS build-demo
COPY requirements-demo.lock ./
RUN /build/bin/pip --python /opt/exporter/bin/python install --require-hashes -r requirements-demo.lock

FROM python:3.13-slim-bookworm AS runtime
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="bedrock-batch-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Amazon Bedrock batch inference jobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# HOME is where `-v ~/.aws:/home/exporter/.aws:ro` is looked for.
ENV BEDROCK_BATCH_EXPORTER_REVISION=${REVISION} \
    HOME=/home/exporter \
    PATH=/opt/exporter/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY deploy/image/aws-config /home/exporter/.aws/config
COPY deploy/image/healthcheck.py /opt/healthcheck.py
WORKDIR /
USER 65532:65532
EXPOSE 10042
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "/opt/healthcheck.py"]
ENTRYPOINT ["bedrock-batch-exporter"]

FROM runtime AS demo
COPY --from=build-demo /opt/exporter /opt/exporter
CMD ["demo"]

FROM runtime AS exporter
COPY --from=build /opt/exporter /opt/exporter
