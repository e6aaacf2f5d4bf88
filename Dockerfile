# syntax=docker/dockerfile:1
# A build stage, then a small image that runs `serve`.
#
#   docker build --tag portcullis .
#   docker run --publish 8080:8080 --env DATABASE_URL=… --env PORTCULLIS_SECRET_KEY=… --env PORTCULLIS_PUBLIC_URL=… portcullis
#
# With `--build-arg POSTGRES=yes` the image also holds PostgreSQL's programs, for the private database on a volume at /data.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist && cp target/dist/portcullis /portcullis

FROM debian:bookworm-slim
ARG POSTGRES=no
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && if [ "$POSTGRES" = yes ]; then apt-get install -y --no-install-recommends postgresql; fi \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home portcullis
COPY --from=build /portcullis /usr/local/bin/portcullis
USER portcullis
WORKDIR /data
VOLUME /data
ENV PORTCULLIS_BIND=0.0.0.0:8080 PORTCULLIS_DATA_DIR=/data PORTCULLIS_LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["portcullis"]
CMD ["serve"]
