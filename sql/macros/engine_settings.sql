{#- Threads and memory of a build.  They are not in profiles.yml, because dbt parses the whole project again (three
    seconds) whenever a value of the profile has changed, e.g. the folder of a catalogue that was moved. -#}
{%- macro engine_settings() -%}
{{ return(adapter.dispatch('engine_settings', 'galaxiesml')()) }}
{%- endmacro -%}

{%- macro default__engine_settings() -%}
set threads = {{ env_var('GALAXIESML_THREADS', '2') | int }};
set memory_limit = {{ text_literal(env_var('GALAXIESML_MEMORY_LIMIT', '4GB')) }};
set temp_directory = {{ text_literal(env_var('GALAXIESML_CATALOG', '.') ~ '/.tmp') }};
{%- endmacro -%}

{#- Spark's are those of its session. -#}
{%- macro spark__engine_settings() -%}{%- endmacro -%}
