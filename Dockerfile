# The service as an image: `docker build -t acra-express .`, or bin/image, which also tests it.
# --build-arg REQUIREMENTS=requirements-otel.txt adds traces.
# Any base with Python 3.11 or newer and its venv module serves: --build-arg PYTHON_IMAGE=...; PYTHON_DIGEST=sha256:... pins it.
ARG PYTHON_IMAGE=python:3.14-slim-trixie
ARG PYTHON_DIGEST=

FROM ${PYTHON_IMAGE}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build
WORKDIR /build
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/acra-express
ARG REQUIREMENTS=requirements.txt
COPY config/${REQUIREMENTS} config/requirements-build.txt config/
# wheels only: there is no compiler, and no code of a source distribution runs
RUN tools/bin/pip --python /opt/acra-express/bin/python install --no-cache-dir --only-binary :all: \
        --require-hashes -r "config/${REQUIREMENTS}" \
    && tools/bin/pip install --no-cache-dir --only-binary :all: \
        --require-hashes -r config/requirements-build.txt
COPY pyproject.toml README.md ./
COPY config/runbook.md config/
COPY acra_express_async acra_express_async
ARG REVISION=unknown
# runtime/build.py reads it; `acra-express --version` and the metric build_info show it
RUN printf '%s\n' "$REVISION" > acra_express_async/REVISION
# into a separate tree, so that a code change creates a layer of a megabyte without the dependencies
RUN tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && tools/bin/pip --python /opt/acra-express/bin/python install --no-cache-dir --no-deps --no-index \
        --prefix /build/service dist/*.whl

FROM ${PYTHON_IMAGE}${PYTHON_DIGEST:+@${PYTHON_DIGEST}}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="acra-express" \
      org.opencontainers.image.description="The express path of the ACRA lead platform" \
      org.opencontainers.image.licenses="LicenseRef-Proprietary" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/acra-express /opt/acra-express
COPY --from=build /build/service /opt/acra-express
# One arena: glibc gives each thread that reads pages a heap, which holds on to what the others could use (4 MB). The
# threshold is glibc's default, but stated: otherwise the first large page that is freed raises it, further large blocks come
# from the heap, and that becomes full of holes which are never given back (13 MB after 600 companies, and growing).
ENV PATH=/opt/acra-express/bin:$PATH \
    MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# numeric, so that runAsNonRoot can check it; nothing is written to the root file system
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# no curl in a slim image; http.client because urllib would ask a proxy of the environment; a wildcard listens here too
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s --retries=3 CMD ["python3", "-I", "-c", "import http.client, os, sys; host = os.environ.get('ACRA_EXPRESS_HTTP__HOST') or '::'; probe = http.client.HTTPConnection('127.0.0.1' if host in ('0.0.0.0', '::') else host, int(os.environ.get('ACRA_EXPRESS_HTTP__PORT') or 8080), timeout=4); probe.request('GET', '/healthz'); sys.exit(probe.getresponse().status != 200)"]
ENTRYPOINT ["acra-express"]
CMD ["run"]
