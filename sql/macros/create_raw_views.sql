{#- The landed files under plain names, so that models read tables and not paths. -#}
{%- macro create_raw_views() -%}
{%- set root = env_var('GALAXIESML_CATALOG') -%}
{%- set tables = {
    'hsc_objects': '/raw/hsc/*/objects.parquet', 'hsc_specz': '/raw/hsc/*/specz.parquet',
    'hsc_joined': '/raw/hsc/*/joined.parquet', 'landings': '/raw/landings.parquet',
    'cutout_pictures': '/raw/cutouts/*/pictures.parquet', 'cutout_requests': '/raw/cutouts/*/requests.parquet',
    'psf_pictures': '/raw/psf/*/pictures.parquet', 'psf_requests': '/raw/psf/*/requests.parquet',
    'specz_spectra': '/raw/specz/*/spectra.parquet', 'release_splits': '/raw/release/*/splits.parquet',
    'morphology_parts': '/derived/morphology/*/*.parquet',
    'morphology_settings': '/derived/morphology/settings.parquet',
    'cut_states': '/plan/cut_states.parquet', 'versions': '/plan/versions.parquet'} -%}
create schema if not exists raw;
{%- for name, path in tables.items() %}
create or replace view raw.{{ name }} as
select * from {{ parquet_files(root, path, union_by_name=true) }};
{%- endfor %}
{%- endmacro -%}
