# tagsync as a program: docker run --rm -e IMAGEKIT_PRIVATE_KEY -v "$PWD/manifests:/data/manifests:ro" tagsync plan manifests
FROM python:3.13.12-slim-bookworm@sha256:a58daefb915e1e03ad48f3ca4df8832065412c5c35cacb9d39f4229184de12b6 AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE requirements-install.lock ./
COPY tagsync tagsync
# Every file that pip downloads must match a hash of the lock, including the build backend.
RUN python -m venv /opt/tagsync \
    && /opt/tagsync/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement requirements-install.lock \
    && /opt/tagsync/bin/pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps . \
    && /opt/tagsync/bin/pip uninstall --yes pip

FROM python:3.13.12-slim-bookworm@sha256:a58daefb915e1e03ad48f3ca4df8832065412c5c35cacb9d39f4229184de12b6
COPY --from=build /opt/tagsync /opt/tagsync
# Git reads manifests of earlier commits. Debian keeps only the newest version of a package, so none can be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
# A numeric user lets a cluster verify that it is not root. Locks are in the home folder, everything else in /data.
RUN useradd --uid 10001 --create-home tagsync && install --directory --owner 10001 --group 10001 /data
ENV PATH="/opt/tagsync/bin:$PATH"
WORKDIR /data
USER 10001:10001
ENTRYPOINT ["tagsync"]
