# One image for the service, its workers and its commands. Built from the complete, hash-checked lock.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements requirements
RUN python -m venv /tools \
    && /tools/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/bootstrap.txt
RUN python -m venv --without-pip /app \
    && /tools/bin/uv pip install --no-cache --compile-bytecode --python /app/bin/python --no-deps --require-hashes \
       -r requirements/build.txt -r requirements/runtime.txt
COPY . .
RUN /tools/bin/uv pip install --no-cache --compile-bytecode --python /app/bin/python --no-deps --no-build-isolation ./client .

FROM python:3.11-slim-bookworm
# A user of its own, that owns nothing but its data.
RUN useradd --system --uid 10001 --home-dir /var/lib/coe --create-home coe
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    COE_HOST=0.0.0.0 \
    COE_DATA_DIR=/var/lib/coe
USER 10001
VOLUME /var/lib/coe
EXPOSE 8400
CMD ["coe", "serve"]
