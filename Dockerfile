# Two images from one file:
#
#   docker build --tag earshot .                             serves homes; 1.3 GB
#   docker build --tag earshot:analysis --build-arg EXTRAS=analysis,postgresql,words .
#                                                            builds homes too; 7.8 GB, nearly all of
#                                                            it torch's CUDA libraries
#
# A home is a volume at /data, music at /music. See docs/deploying.md.

FROM debian:bookworm-slim AS python
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libgomp1 python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

FROM python AS installed
ARG EXTRAS=serve,postgresql,words
RUN python3 -m venv /opt/earshot
COPY . /source
RUN /opt/earshot/bin/pip install --no-cache-dir "/source[${EXTRAS}]"
# The taggers' weights, where something is analysed; without what their package wants besides.
RUN case ",${EXTRAS}," in \
        *,analysis,*) /opt/earshot/bin/pip install --no-cache-dir --no-deps musicnn==0.1.0 ;; \
    esac

FROM python
COPY --from=installed /opt/earshot /opt/earshot
RUN useradd --uid 1000 --create-home earshot && install --directory --owner=earshot /data /music
USER 1000
ENV PATH=/opt/earshot/bin:${PATH} \
    EARSHOT_HOME=/data \
    PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["earshot"]
CMD ["serve", "--host", "0.0.0.0"]
