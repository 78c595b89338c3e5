# docker build -t epochd .
#
# docker build -t epochd --target runtime-prebuilt .   takes target/release/epochd instead of compiling. The base then
# needs a glibc at least as new as that of the machine that compiled it.

ARG BUILDER=rust:1.95-bookworm
ARG RUNTIME=debian:bookworm-slim

FROM ${RUNTIME} AS base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin epochd && install -d -o epochd -g epochd /data
# The container's own addresses are not loopback: epochd starts only with a key.
#   docker run -e EPOCHD_API_KEYS=admin:$(openssl rand -hex 32) …
ENV EPOCHD_LISTEN=0.0.0.0:8080 EPOCHD_DATA_DIR=/data
EXPOSE 8080
VOLUME /data
USER 10001
# Asks the address in EPOCHD_LISTEN.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["epochd", "healthcheck"]
ENTRYPOINT ["epochd"]

FROM base AS runtime-prebuilt
COPY target/release/epochd /usr/local/bin/epochd

FROM ${BUILDER} AS build
WORKDIR /build
# Dependencies first: this layer is made anew only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/integration && touch src/lib.rs tests/integration/main.rs \
    && echo 'fn main() {}' | tee build.rs >src/main.rs \
    && cargo build --release --locked
COPY openapi.yaml build.rs ./
COPY src src
# What the metrics say that the binary was built from: --build-arg REVISION=$(git rev-parse --short=12 HEAD)
ARG REVISION=unknown
ENV BUILD_REVISION=${REVISION}
RUN touch build.rs src/lib.rs src/main.rs && cargo build --release --locked

FROM base AS runtime
COPY --from=build /build/target/release/epochd /usr/local/bin/epochd
