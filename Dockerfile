# syntax=docker/dockerfile:1

# An image of the program and the libraries that it needs. It is built by BuildKit, which `docker build` uses by itself.
#
#   docker build --tag promolink .
#   docker run --rm --volume promolink:/data promolink migrate
#   (umask 077; docker run --rm --volume promolink:/data promolink key create --org 100458 --role service > service.key)
#   docker run --detach --publish 8080:8080 --volume promolink:/data --stop-timeout 30 promolink
#
# All settings are variables; docs/configuration.md lists them. For PostgreSQL, give DATABASE_URL to each of these instead of the
# volume. To end, the server takes PROMOLINK_SHUTDOWN_DELAY and at most PROMOLINK_SHUTDOWN_GRACE, which is 10 seconds if
# nobody says otherwise; Docker kills a container after 10, unless --stop-timeout gives it longer.

# The version is rust-version in Cargo.toml, and the Debian release is that of the final stage, whose glibc it must be.
FROM rust:1.95-trixie AS build

# GraphiQL is bundled by npm. A C compiler, for SQLite and the cryptography, is in the image already.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src

# GraphiQL first, since it rarely changes. build.rs uses graphiql/dist if it exists. build.rs would bundle GraphiQL too, but
# goes on without it if npm fails; here the build of the image fails.
COPY graphiql graphiql
RUN --mount=type=cache,target=/root/.npm \
    cd graphiql \
    && npm ci --ignore-scripts --no-audit --no-fund \
    && npm run build \
    && rm -rf node_modules

# Cargo features, with commas between: `--build-arg FEATURES=otlp` adds traces for OpenTelemetry.
ARG FEATURES=""

# What belongs to a build is listed in .dockerignore.
COPY . .

# What cargo downloads and compiles is kept from build to build, outside of the image, and used by one build at a time.
# Cargo tells by the files' times what to compile again, and those of another checkout may be older than what was
# compiled last: so touch ours, and the program is always made of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    touch build.rs src/lib.rs src/main.rs \
    && cargo build --release --locked --bin promolink --features "$FEATURES" \
    && install -D target/release/promolink /image/promolink \
    && install -d /image/data

# This has what the program needs beside itself: glibc, libgcc, and the certificate authorities that it goes by when it
# reads the keys of customer tokens (PROMOLINK_JWKS) by https, or speaks TLS with the database. It has no shell and no package manager. For an authority
# of your own, mount a file of certificates and name it in SSL_CERT_FILE.
FROM gcr.io/distroless/cc-debian13:nonroot

LABEL org.opencontainers.image.title="promolink" \
      org.opencontainers.image.description="A self-hosted GraphQL API server that links promotion codes to customers" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY --from=build /image/promolink /usr/local/bin/promolink

# The embedded database is promolink.db in the working directory, unless DATABASE_URL names another. A new volume takes
# over the owner of this folder; a folder of the host's, mounted here, must belong to 65532 already.
COPY --from=build --chown=65532:65532 /image/data /data
VOLUME /data
WORKDIR /data

# By number, so that Kubernetes can see that it is not root (runAsNonRoot). The image calls it nonroot.
USER 65532:65532

# The default, loopback, is the container's own, where nobody would reach it.
ENV PROMOLINK_LISTEN=0.0.0.0:8080
EXPOSE 8080

# On SIGTERM the server ends in good order: see "Start and stop" in docs/operating.md. Probes are /health and /ready; there is no
# HEALTHCHECK, since nothing in the image could call them.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/promolink"]

# It does not start on tables that are out of date: run `migrate` first, as above, or set PROMOLINK_MIGRATE=true.
CMD ["serve"]
