{#- What a build may use of this machine. It is not in profiles.yml: dbt parses the whole project anew, three seconds,
    whenever a value of the profile has changed, as the catalogue's folder does where it was moved. -#}
{%- macro engine_settings() -%}
set threads = {{ env_var('GALAXIESML_THREADS', '2') | int }};
set memory_limit = '{{ env_var('GALAXIESML_MEMORY_LIMIT', '4GB') | replace("'", "''") }}';
set temp_directory = '{{ (env_var('GALAXIESML_CATALOG', '.') ~ '/.tmp') | replace("'", "''") }}';
{%- endmacro -%}
