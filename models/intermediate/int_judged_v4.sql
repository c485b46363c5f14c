{{ judged(4) }}
