# syntax=docker/dockerfile:1

# An image of the program and the libraries that it needs. It requires BuildKit, which `docker build` uses by default.
#
#   docker build --tag promolink .
#   docker run --rm --volume promolink:/data promolink migrate
#   (umask 077; docker run --rm --volume promolink:/data promolink key create --org 100458 --role admin > admin.key)
#   (umask 077; docker run --rm --volume promolink:/data promolink key create --org 100458 --role service > service.key)
#   docker run --detach --publish 8080:8080 --volume promolink:/data --stop-timeout 30 promolink
#
# The first key creates the organisation: choose your own number instead of 100458. The admin key creates campaigns and
# codes; the service key is for the backend.
#
# All settings are variables; docs/configuration.md lists them. For PostgreSQL, pass DATABASE_URL to each of these
# commands instead of the volume. A shutdown takes PROMOLINK_SHUTDOWN_DELAY and at most PROMOLINK_SHUTDOWN_GRACE, which
# is 10 seconds by default. Docker kills a container after 10 seconds, unless --stop-timeout sets another time.

# The version is rust-version in Cargo.toml. The Debian release is that of the final stage, for the same glibc.
FROM rust:1.95-trixie AS build

# GraphiQL is bundled by npm. A C compiler, for SQLite and the cryptography, is in the image already.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src

# GraphiQL first, because it rarely changes. build.rs uses graphiql/dist if it exists. It would bundle GraphiQL itself,
# but continues without it if npm fails; here the build of the image fails instead.
COPY graphiql graphiql
RUN --mount=type=cache,target=/root/.npm \
    cd graphiql \
    && npm ci --ignore-scripts --no-audit --no-fund \
    && npm run build \
    && rm -rf node_modules

# Cargo features, separated by commas: `--build-arg FEATURES=otlp` adds OpenTelemetry traces.
ARG FEATURES=""

# .dockerignore lists what is copied.
COPY . .

# Cargo's downloads and output are cached between builds, outside of the image, and used by one build at a time. Cargo
# decides by modification times what to compile again, and the files of another checkout may be older than the cached
# output. Touching them makes sure that they are compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    touch build.rs src/lib.rs src/main.rs \
    && cargo build --release --locked --bin promolink --features "$FEATURES" \
    && install -D target/release/promolink /image/promolink \
    && install -d /image/data

# The base has what the program needs: glibc, libgcc, and the certificate authorities that it trusts when it fetches the
# keys of customer tokens (PROMOLINK_JWKS) by https or connects to the database by TLS. It has no shell and no package
# manager. For your own authority, mount a file of certificates and set SSL_CERT_FILE to its path.
FROM gcr.io/distroless/cc-debian13:nonroot

LABEL org.opencontainers.image.title="promolink" \
      org.opencontainers.image.description="A self-hosted GraphQL API server that links promotion codes to customers" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY --from=build /image/promolink /usr/local/bin/promolink

# The embedded database is promolink.db in the working directory, unless DATABASE_URL names another. A new volume
# inherits the owner of this folder. A folder of the host that is mounted here must belong to user 65532.
COPY --from=build --chown=65532:65532 /image/data /data
VOLUME /data
WORKDIR /data

# A number, so that Kubernetes can verify that it is not root (runAsNonRoot). The image calls the user nonroot.
USER 65532:65532

# The default is the container's loopback address, which is not reachable from outside.
ENV PROMOLINK_LISTEN=0.0.0.0:8080
EXPOSE 8080

# On SIGTERM the server drains and ends: see "Start and stop" in docs/operating.md. The probes are /health and /ready.
# There is no HEALTHCHECK, because the image has no program that could call them.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/promolink"]

# The server does not start if its tables are out of date: run `migrate` first, as above, or set PROMOLINK_MIGRATE=true.
CMD ["serve"]
