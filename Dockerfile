# rtls-ingest as a container: built with the development packages, shipped without them.
# Pinned to a release, so that two builds of one commit run the same Node; look for a newer one now and then:
# https://hub.docker.com/_/node/tags?name=22-slim
ARG NODE_IMAGE=node:22.23.3-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Before the sources, so that a change of ours does not install everything anew.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build-page.mjs ./scripts/
COPY src ./src
COPY sql ./sql
RUN npm run build && npm prune --omit=dev && find dist -name "*.map" -delete

FROM ${NODE_IMAGE}
# Inside a container loopback is the container itself; what is reachable from outside is decided by the published ports.
ENV NODE_ENV=production HTTP_HOST=0.0.0.0 DATA_DIR=/data/database SPOOL_DIR=/data/spool
# For the spool (ACK_MODE=spool) and the embedded database (no DATABASE_URL). Mount a volume here to keep them; a new
# volume takes over the owner.
RUN install --directory --owner=node --group=node /data
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY sql ./sql
COPY config/rtls-ingest.example.yaml ./config/
USER node
EXPOSE 3001
# For `docker run`; docker-compose.yml has the same with its own times, Kubernetes asks by itself.
HEALTHCHECK --interval=10s --timeout=5s --retries=3 --start-period=30s \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:3001/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# No shell in between, so that SIGTERM reaches the service and it can write what is buffered.
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["run"]
