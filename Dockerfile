# syntax=docker/dockerfile:1
# The images of Nexus: one program, the role by argument.
#
#   docker build -t nexus:0.1.0 .                              every role but the scraper
#   docker build -t nexus-scraper:0.1.0 --target scraper .     the same with the Python that scrapers run on
#
# Dependencies are layers of their own (cargo chef, npm ci): a change of our code alone builds our code alone.

ARG RUST_VERSION=1.95.0
ARG NODE_VERSION=24
ARG DEBIAN_VERSION=trixie

# --- The web app ----------------------------------------------------------------------------------------------------
FROM node:${NODE_VERSION}-${DEBIAN_VERSION}-slim AS web
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY examples /src/examples
COPY frontend ./
RUN npm run build

# --- The program ----------------------------------------------------------------------------------------------------
FROM rust:${RUST_VERSION}-slim-${DEBIAN_VERSION} AS chef
ARG CARGO_CHEF_VERSION=0.1.78
RUN cargo install cargo-chef --locked --version "${CARGO_CHEF_VERSION}"
WORKDIR /src

# What is depended on, without the code that depends on it.
FROM chef AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS build
COPY --from=recipe /src/recipe.json recipe.json
RUN cargo chef cook --release --locked --package nexus-cli --recipe-path recipe.json
COPY . .
COPY --from=web /src/frontend/out frontend/out
RUN cargo build --release --locked --package nexus-cli && \
    install -D --mode=0755 --strip target/release/nexus /out/nexus

# --- What all images have: certificates, a user without rights, nothing to write to -----------------------------------
FROM debian:${DEBIAN_VERSION}-slim AS base
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates && \
    rm -rf /var/lib/apt/lists/* && \
    groupadd --system --gid 65532 nexus && \
    useradd --system --uid 65532 --gid nexus --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin nexus && \
    install --directory --owner=nexus --group=nexus --mode=0700 /var/lib/nexus
ENV NEXUS_DATA_DIR=/var/lib/nexus \
    LOG_FORMAT=json
WORKDIR /var/lib/nexus
USER 65532:65532
# HTTP of the gateway and of `nexus up`; gRPC of planner, executor, llm-gateway, memory, scraper in this order.
EXPOSE 8080 50051 50052 50053 50054 50055
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/nexus"]

# --- Python for untrusted code, pinned and checked by hash ----------------------------------------------------------
FROM debian:${DEBIAN_VERSION}-slim AS sandbox-python
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates python3 python3-pip && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY scripts/lib.sh scripts/sandbox_python.sh scripts/
COPY libs/sandbox/python/requirements.txt libs/sandbox/python/requirements.txt
RUN scripts/sandbox_python.sh /opt/nexus/sandbox-python

FROM base AS scraper
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends python3 && \
    rm -rf /var/lib/apt/lists/*
USER 65532:65532
COPY --from=sandbox-python /opt/nexus/sandbox-python /opt/nexus/sandbox-python
ENV NEXUS_SANDBOX_PYTHON=/opt/nexus/sandbox-python
COPY --from=build /out/nexus /usr/local/bin/nexus
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/nexus", "health", "scraper"]
CMD ["serve", "scraper"]

# --- The default: any role. A container's check asks its own role: `nexus health ROLE`. --------------------------------
FROM base AS nexus
COPY --from=build /out/nexus /usr/local/bin/nexus
CMD ["--help"]
