# The workflow with its environment. Results come out through a mounted folder:
#   docker build --tag scalelaw .
#   docker run --rm --volume "$PWD/results:/scalelaw/results" scalelaw
# What follows the name goes to ./run: "test", "exec scalelaw doctor", or arguments of Snakemake.
ARG BASE=python:3.11-slim
FROM ${BASE}
WORKDIR /scalelaw
COPY . .
RUN ./run setup
ENTRYPOINT ["./run"]
