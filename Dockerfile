# One image; compose.yaml says which process of the house a container is.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ZHANGFANG_HOME=/srv/data MALLOC_ARENA_MAX=2 \
    PROMETHEUS_MULTIPROC_DIR=/srv/metrics
WORKDIR /srv/zhangfang

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: -r requirements.txt

COPY . .
# Static files are part of the image. The two values serve this command only and stay in no layer.
RUN useradd --system --home-dir /srv/data --create-home zhangfang && mkdir /srv/metrics \
    && DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost ZHANGFANG_DEMO=1 \
       python manage.py collectstatic --no-input --verbosity 0 \
    && rm -f /srv/data/secrets.json && chown -R zhangfang /srv/data /srv/metrics
USER zhangfang

EXPOSE 8000
CMD ["gunicorn", "gateway.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "40", "--preload", "--keep-alive", "5", "--no-control-socket", \
     "--worker-tmp-dir", "/dev/shm"]
