{#- A folder of the build as text in SQL, for the files of one table of Spark's or Sail's. -#}
{%- macro build_folder(part, table) -%}
{%- set folder = [env_var('GALAXIESML_CATALOG'), 'builds', env_var('GALAXIESML_BUILD', '.dbt'), part, table] | join('/') -%}
{{ text_literal(folder) }}
{%- endmacro -%}
